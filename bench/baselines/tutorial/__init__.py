"""The Channels tutorial's shape, a reference for the benchmarks: every connection is its own channel in one group."""
