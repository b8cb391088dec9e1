"""What is seen from outside while the stack works: requests under load, versions that come and go."""
