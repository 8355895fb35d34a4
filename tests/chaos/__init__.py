"""Chaos: servers, Redis and PostgreSQL are killed while people write and read; afterwards nothing may be missing.

`python -m tests.chaos --seconds 180 --seed 7 --database postgres`
"""
