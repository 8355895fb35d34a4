"""Tests against real servers, as processes of their own."""
