"""Fits the face model to pictures and video by MediaPipe's landmarks."""
