"""The page that shows what a demonstration measured."""
