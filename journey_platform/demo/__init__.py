"""A company with known truth, and the vendors' APIs it is served through."""
