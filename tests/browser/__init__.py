"""The page of car-client in a real browser; needs Chromium."""
