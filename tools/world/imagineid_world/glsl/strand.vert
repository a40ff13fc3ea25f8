// Hair: ribbons that turn to face the camera.
#include pose

in vec3 in_point; in vec3 in_tangent; in vec4 in_form; in vec3 in_move; in vec2 in_tone;
uniform vec3 eye;
out vec3 point; out vec3 tangent; out vec2 across; out vec2 tone;
void main() {
  // in_form: side (-1, 1), half width, place along the strand 0..1, head weight
  float w = in_form.w;
  vec3 p = pose(in_point + in_move, w);
  vec3 t = normalize(mix(in_tangent, turn * in_tangent, w));
  vec3 side = normalize(cross(t, eye - p));
  point = p + side * in_form.x * in_form.y;
  tangent = t; across = vec2(in_form.x, in_form.z); tone = in_tone;
  gl_Position = view_projection * vec4(point, 1.0);
}
