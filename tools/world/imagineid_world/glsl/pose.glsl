// Moves resting points by a head's pose; weight falls from the head to the shoulders.
uniform mat4 view_projection;
uniform mat3 turn;
uniform vec3 pivot;
uniform vec2 shift;
uniform float zoom;
vec3 pose(vec3 p, float w) {
  vec3 q = mix(p, turn * (p - pivot) + pivot, w);
  q.xy += shift * (0.4 + 0.6 * w);
  return (q - pivot) * zoom + pivot;
}
