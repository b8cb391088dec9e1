"""Following one source of pictures: whatever arrives is classified by every model."""
