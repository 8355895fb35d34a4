"""Pages of rooms: the list, and what people do with rooms beside talking in them."""
