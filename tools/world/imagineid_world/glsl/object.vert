// Glasses and earrings: rigid on the head.
#include pose

in vec3 in_point; in vec3 in_normal;
out vec3 point; out vec3 normal;
void main() {
  point = pose(in_point, 1.0); normal = turn * in_normal;
  gl_Position = view_projection * vec4(point, 1.0);
}
