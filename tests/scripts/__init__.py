"""The scripts of the root, with programs in place of docker, kubectl and helm that note their calls."""
