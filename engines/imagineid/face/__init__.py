"""The face model: identity, expression and pose to vertices, and pictures of the mesh."""

from imagineid.face.model import FaceModel, load, project
from imagineid.face.raster import mesh_picture, mouth_mask

__all__ = ["FaceModel", "load", "mesh_picture", "mouth_mask", "project"]
