// Hair with two highlights along the strand (Kajiya and Kay 1989; Marschner et al. 2003).
#include light

in vec3 point; in vec3 tangent; in vec2 across; in vec2 tone;
uniform vec3 hair; uniform float sheen; uniform float seed; uniform float fine;
uniform vec3 heart;
out vec4 colour;
void main() {
  // tone: own brightness, and how deep under the surface of the hair (0 outside, 1 at the skin)
  float fibre = 0.5 + 0.27 * sin(across.x * fine + tone.x * 91.0 + across.y * 2.0)
                + 0.23 * sin(across.x * fine * 2.3 + tone.x * 157.0 - across.y * 3.0);
  float cover = 1.0 - smoothstep(0.55, 1.0, abs(across.x) + 0.5 * (fibre - 0.5));
  cover *= 1.0 - smoothstep(0.84, 1.0, across.y + 0.25 * (fibre - 0.5));
  if (cover < fract(52.98 * fract(dot(gl_FragCoord.xy, vec2(0.0671, 0.00584)) + tone.x * 3.0))) discard;
  vec3 t = normalize(tangent), v = normalize(camera - point);
  vec3 base = hair * hair * (0.35 + 0.75 * fibre) * (0.45 + 1.0 * tone.x);
  vec3 out_dir = normalize(point - heart);
  vec4 s = shadow_matrix * vec4(point + out_dir * 0.003, 1.0);
  vec3 c = s.xyz * 0.5 + 0.5;
  float shade = texture(shadow_map, vec3(c.xy, c.z - 0.006));
  float tl = dot(t, light), diffuse = sqrt(max(0.0, 1.0 - tl * tl));
  float facing = clamp(dot(out_dir, light) * 0.6 + 0.5, 0.0, 1.0);
  vec3 h = normalize(light + v);
  float th = dot(t, h) + 0.12 * (fibre - 0.5), th2 = th + 0.12;
  float s1 = max(0.0, 1.0 - th * th), s2 = max(0.0, 1.0 - th2 * th2);
  s2 *= s2; s2 *= s2; s2 *= s2; s2 *= s2;
  s1 *= s1; s1 *= s1; s1 *= s1; s1 *= s1; s1 *= s1; s1 *= s1;
  float open = mix(1.0, 0.28, tone.y);
  float edge = 1.0 - abs(dot(out_dir, v));
  vec3 total = base * (key * diffuse * facing * mix(0.28, 1.0, shade) + mix(fill, sky, 0.5 + 0.5 * out_dir.y)) * open;
  total += key * (shade * facing * open * sheen) * (vec3(0.045) * s1 + base * 1.0 * s2);
  total += base * sky * (edge * edge * edge * 0.7);
  colour = vec4(show(total), 1.0);
}
