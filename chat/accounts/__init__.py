"""Accounts: the pages on which people come, go, and say who they are."""
