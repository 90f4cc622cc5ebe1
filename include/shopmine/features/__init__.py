"""Point-in-time features of customers, products and interactions."""
