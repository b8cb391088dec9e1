"""ovms-lite held against what the real server was recorded to do."""
