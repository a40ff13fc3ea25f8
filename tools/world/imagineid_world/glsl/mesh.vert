// The body: expressed vertices posed, with their place on the mean face kept in rest.
#include pose

in vec3 in_point; in vec3 in_normal; in vec3 in_rest; in vec4 in_extra; in float in_weight;
uniform float inflate;
out vec3 point; out vec3 normal; out vec3 rest; out vec3 still; flat out int region; out vec3 extra;
void main() {
  still = in_point;
  point = pose(in_point + in_normal * inflate, in_weight);
  normal = mix(in_normal, turn * in_normal, in_weight);
  rest = in_rest;
  region = int(in_extra.x + 0.5);
  extra = in_extra.yzw;
  gl_Position = view_projection * vec4(point, 1.0);
}
