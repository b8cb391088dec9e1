"""The history: every answer in an embedded database, bounded, never needed for serving."""
