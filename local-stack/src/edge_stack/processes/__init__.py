"""Programs as process groups: started, awaited, ended, and never left behind."""
