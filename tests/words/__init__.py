"""The sentences that people read: where the source has them, and the catalogs that translate them."""
