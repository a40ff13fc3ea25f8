// Plastic and metal.
#include light

in vec3 point; in vec3 normal;
uniform vec3 tint; uniform float metal;
out vec4 colour;
void main() {
  vec3 n = normalize(normal), v = normalize(camera - point), base = tint * tint;
  if (dot(n, v) < 0.0) n = -n;
  vec3 h = normalize(light + v);
  vec3 total = base * (key * max(dot(n, light), 0.0) + mix(fill, sky, 0.5 + 0.5 * n.y));
  total += mix(vec3(0.6), base * 3.0, metal) * key * pow(max(dot(n, h), 0.0), 50.0);
  total += sky * 0.25 * pow(1.0 - max(dot(n, v), 0.0), 3.0);
  colour = vec4(show(total), 1.0);
}
