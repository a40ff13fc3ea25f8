"""Photographs of people who do not exist, made to talk with known truth."""
