"""Objects on their way into the staging folder: resumed, bound to an ETag, digested."""
