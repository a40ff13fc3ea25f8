"""What several tests need: recordings of every kind, and a pipeline that is made of arithmetic."""
