// Clothes over the body, cut off at a neckline.
#include noise
#include light

in vec3 point; in vec3 normal; in vec3 rest; in vec3 still; flat in int region; in vec3 extra;
uniform vec3 cloth; uniform vec3 inner; uniform int kind; uniform float seed;
out vec4 colour;
// Neckline: height above which cloth ends, around the neck's axis.
float neckline(vec3 q, float depth, float sharp) {
  vec2 d = vec2(q.x, q.z + 0.055);
  float a = atan(abs(d.x), d.y);
  float front = sharp < 0.6 ? max(0.0, 1.0 - abs(q.x) / 0.055) * step(-0.06, q.z) : exp(-pow(q.x / 0.062, 2.0)) * smoothstep(-0.09, -0.05, q.z);
  return -0.150 - depth * front + 0.018 * smoothstep(1.2, 2.6, a);
}
void main() {
  vec3 q = rest;
  float line = neckline(q, kind == 2 || kind == 6 ? 0.055 : kind == 5 ? 0.05 : 0.026, kind == 2 || kind == 6 ? 0.42 : 0.75);
  if (kind == 4) line = -0.122 + 0.012 * exp(-pow(q.x / 0.05, 2.0)) * -1.0;
  float below = line - q.y;
  if (below < 0.0) discard;
  vec3 n = normalize(normal), v = normalize(camera - point);
  if (!gl_FrontFacing) n = -n;
  vec3 base = cloth;
  float weave = noise(q * vec3(900.0, 900.0, 500.0)) - 0.5;
  float folds = noise(vec3(q.x * 28.0, q.y * 16.0 + q.x * 20.0, seed)) - 0.5;
  float knit = 0.0;
  if (kind == 1 || kind == 4) knit = sin(q.y * 1500.0) * 0.5 * sin(q.x * 900.0);
  base *= 1.0 + 0.10 * weave + 0.09 * knit;
  float hem = kind == 4 ? 0.0 : bump(below, 0.010, 0.0016);
  base *= 1.0 - 0.28 * hem;
  if (below < 0.010 && kind <= 1) base *= 1.07;
  if (kind == 6) {
    float lapel = 0.012 + 0.32 * max(0.0, -q.y - 0.15);
    if (abs(q.x) < lapel * 1.6 && q.z > -0.06) base = abs(q.x) < 0.011 && q.y < -0.19 ? inner : vec3(0.9);
    base *= 1.0 - 0.3 * bump(abs(q.x), lapel * 1.6, 0.002);
  }
  if (kind == 2) base *= 1.0 - 0.35 * bump(q.x, 0.0, 0.0016) * step(0.0, q.z);
  n = normalize(n + vec3(folds * 0.55, weave * 0.12 + folds * 0.2, 0.0));
  base = base * base;
  float shade = lit(point, n, 0.003);
  float nl = clamp((dot(n, light) + 0.15) / 1.15, 0.0, 1.0);
  float ao = mix(0.55, 1.0, smoothstep(-0.14, -0.20, q.y));
  vec3 total = base * (key * nl * shade + mix(fill, sky, 0.5 + 0.5 * n.y) * ao);
  total += base * sky * pow(1.0 - max(dot(n, v), 0.0), 3.0) * 0.6;
  colour = vec4(show(total), 1.0);
}
