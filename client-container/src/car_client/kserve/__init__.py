"""The KServe v2 protocol over HTTP, as far as this client speaks it; nothing here knows about pictures."""
