// Lights, the soft shadow of the key light, and the way to displayed colour.
uniform vec3 camera;
uniform vec3 light;
uniform vec3 key;
uniform vec3 fill;
uniform vec3 sky;
uniform sampler2DShadow shadow_map;
uniform mat4 shadow_matrix;
float lit(vec3 p, vec3 n, float soft) {
  vec4 s = shadow_matrix * vec4(p + n * 0.0025, 1.0);
  vec3 c = s.xyz * 0.5 + 0.5;
  float sum = 0.0;
  for (int i = -1; i <= 1; i++) for (int j = -1; j <= 1; j++)
    sum += texture(shadow_map, vec3(c.xy + vec2(i, j) * soft, c.z - 0.004));
  return sum / 9.0;
}
vec3 show(vec3 c) {
  c = c / (1.0 + 0.16 * c);
  return sqrt(max(c, 0.0));
}
