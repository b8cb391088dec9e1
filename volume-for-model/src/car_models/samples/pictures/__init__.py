"""Demonstration pictures: photos that a Debian package ships, and drawings of our own."""
