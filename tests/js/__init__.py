"""The tests of the page's client, in JavaScript, and what runs them from Python."""
