"""Asks a server what a real one was asked, and compares the answers; ../recorded/README.md has the rules."""
