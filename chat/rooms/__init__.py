"""The verbs: what is done in rooms."""
