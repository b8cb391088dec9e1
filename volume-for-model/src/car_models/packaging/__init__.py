"""What a version is made of: its files in the bucket's layout, and IR files that carry their card's facts."""
