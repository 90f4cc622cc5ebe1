"""Point-in-time features: what was known about customers, products and sales at the end of one day."""
