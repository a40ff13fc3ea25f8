// Skin, lips, eyes, teeth and lashes, painted by place on the mean face.
#include noise
#include light

in vec3 point; in vec3 normal; in vec3 rest; in vec3 still; flat in int region; in vec3 extra;
uniform vec3 skin; uniform vec3 lip; uniform vec3 hair; uniform vec3 brow_colour; uniform vec3 iris;
uniform float hairline[19]; uniform float scalp; uniform float brow; uniform float wrinkle;
uniform float freckle; uniform float beard[4]; uniform float seed; uniform float gloss;
uniform float blush; uniform float lashes;
uniform vec3 eyes[2];
out vec4 colour;

float above_hairline(vec3 q) {
  float a = degrees(atan(abs(q.x), q.z + 0.075)) / 10.0;
  int i = int(clamp(floor(a), 0.0, 17.0));
  float line = mix(hairline[i], hairline[i + 1], a - float(i));
  return q.y - line;
}

float brow_hair(vec3 q) {
  float x = abs(q.x);
  float t = (x - 0.0125) / 0.043;
  if (t < -0.15 || t > 1.15) return 0.0;
  float middle = 0.0185 + 0.0075 * t - 0.0105 * max(t - 0.55, 0.0) / 0.45;
  float thick = mix(0.0036, 0.0012, smoothstep(0.3, 1.0, t)) * brow * smoothstep(-0.12, 0.12, t);
  float d = (q.y - middle) / max(thick, 0.0003);
  float lean = mix(0.4, 2.2, t);
  float strand = noise(vec3((x - (q.y - middle) * lean) * 2100.0, (q.y) * 240.0, seed));
  float body = 1.0 - smoothstep(0.45, 1.25, abs(d) + 0.35 * (strand - 0.5));
  return body * (0.62 + 0.38 * strand) * smoothstep(-0.14, 0.1, t) * (1.0 - smoothstep(0.9, 1.1, t));
}

float stubble(vec3 q, float lips) {
  float x = abs(q.x), speck = noise(q * 1500.0 + seed), soft = noise(q * 160.0 + seed) - 0.5;
  float edge = 0.006 * soft;
  float cheek = smoothstep(0.0, 0.014, -q.y - 0.052 + 0.42 * (x - 0.03) * step(0.03, x) + edge
                           + 0.9 * max(x - 0.058, 0.0));
  float under = smoothstep(-0.15, -0.125, q.y);
  float moustache = bump(q.y, -0.0535 - 0.12 * x, 0.0062) * (1.0 - smoothstep(0.024, 0.031, x));
  float chin = smoothstep(-0.079, -0.087, q.y + edge) * (1.0 - smoothstep(0.018, 0.027, x + edge));
  float mouth_round = smoothstep(0.023, 0.029, x) * (1.0 - smoothstep(0.031, 0.038, x))
                      * smoothstep(-0.10, -0.085, q.y) * (1.0 - smoothstep(-0.064, -0.055, q.y));
  float soul = bump(x, 0.0, 0.006) * bump(q.y, -0.084, 0.006);
  float jaw = smoothstep(0.058, 0.066, x) * step(-0.09, q.y) * smoothstep(0.012, -0.006, q.y)
              * smoothstep(-0.05, -0.02, q.z) * (1.0 - smoothstep(0.0, 0.02, q.z));
  float full = max(cheek * smoothstep(0.018, 0.03, x + max(0.0, -q.y - 0.083) * 6.0), jaw);
  float m = beard[0] * max(full, max(chin, max(moustache, soul)));
  m = max(m, beard[1] * moustache);
  m = max(m, beard[2] * max(max(chin, mouth_round), max(moustache, soul)));
  return clamp(m, 0.0, 1.0) * under * (1.0 - smoothstep(0.25, 0.6, lips)) * mix(speck, 1.0, beard[3]);
}

vec3 eye_colour(vec3 q, vec3 n, vec3 v, out float shine) {
  vec3 c = q.x < 0.0 ? eyes[0] : eyes[1];
  vec2 d = q.xy - c.xy;
  float r = length(d), a = atan(d.y, d.x);
  float fibre = noise(vec3(a * 9.0, r * 500.0, seed)) * 0.6 + noise(vec3(a * 23.0, r * 200.0, seed)) * 0.4;
  vec3 ring = iris * (0.55 + 0.8 * fibre) * mix(1.35, 0.75, smoothstep(0.0018, 0.0060, r));
  ring = mix(ring, iris * 0.18, smoothstep(0.0050, 0.0062, r));
  vec3 white = vec3(0.80, 0.775, 0.76) * mix(vec3(1.0), vec3(0.95, 0.80, 0.78), smoothstep(0.007, 0.013, abs(d.x)));
  vec3 c2 = mix(ring, white, smoothstep(0.0057, 0.0066, r));
  c2 = mix(vec3(0.008), c2, smoothstep(0.0019, 0.0025, r));
  shine = 1.0;
  return c2;
}

void main() {
  vec3 n = normalize(normal), v = normalize(camera - point), q = rest;
  if (!gl_FrontFacing) { if (region == 6) n = -n; }
  float ao = extra.z, rough = 22.0, spec = 0.16, tooth = 0.0, wet = 0.0;
  vec3 base = skin;
  vec3 sss = vec3(0.55, 0.28, 0.20);
  float grain = noise(q * 420.0 + seed) - 0.5, blotch = noise(q * 70.0 + seed) - 0.5;
  bool is_skin = region <= 1 || region == 7;
  if (is_skin) {
    float x = abs(q.x);
    float rosy = 0.75 * exp(-(pow((x - 0.044) / 0.020, 2.0) + pow((q.y + 0.036) / 0.017, 2.0)));
    rosy += 0.65 * exp(-(pow(x / 0.012, 2.0) + pow((q.y + 0.036) / 0.011, 2.0))) * step(0.03, q.z);
    rosy += 0.5 * smoothstep(0.078, 0.084, x) + 0.25 * bump(q.y, -0.107, 0.014) * bump(x, 0.0, 0.02);
    base *= 1.0 + 0.045 * grain + 0.09 * blotch;
    base = mix(base, base * vec3(1.04, 0.80, 0.78), clamp(rosy * blush, 0.0, 1.0));
    base *= mix(vec3(1.0), vec3(0.86, 0.80, 0.80), 0.6 * extra.y);
    float socket = exp(-(pow((x - 0.031) / 0.020, 2.0) + pow((q.y + 0.004) / 0.013, 2.0)));
    base *= 1.0 - vec3(0.14, 0.18, 0.16) * socket;
    float bag = bump(q.y, -0.0165 - 0.05 * abs(x - 0.031), 0.0035) * bump(x, 0.030, 0.016);
    base *= 1.0 - vec3(0.05, 0.07, 0.06) * bag * (0.7 + wrinkle);
    if (freckle > 0.0) {
      float f = smoothstep(0.70, 0.82, noise(q * 720.0 + seed * 3.0)) * exp(-pow((q.y + 0.03) / 0.025, 2.0)) * step(-0.02, q.z);
      base = mix(base, base * vec3(0.72, 0.56, 0.46), 0.7 * freckle * f);
    }
    if (wrinkle > 0.02) {
      float w = wrinkle;
      float wob = 0.0016 * (noise(vec3(q.x * 60.0, seed, 1.0)) - 0.5);
      float lines = 0.0, y = q.y + wob;
      for (int k = 0; k < 4; k++) lines += bump(y + 0.0022 * sin(q.x * 70.0 + float(k) * 2.0), 0.036 + 0.0085 * float(k), 0.0015) * smoothstep(0.25, 0.6, noise(vec3(q.x * 90.0, float(k) * 5.0, seed)));
      lines *= (1.0 - smoothstep(0.030, 0.046, x)) * step(0.0, q.z) * smoothstep(0.1, 0.5, w);
      float feet = 0.0;
      vec2 e = vec2(x - 0.050, q.y + 0.002);
      for (int k = -1; k <= 2; k++) {
        float slope = 0.35 * float(k) - 0.2;
        feet += bump(e.y - slope * e.x, 0.0, 0.0009) * smoothstep(0.0, 0.004, e.x) * (1.0 - smoothstep(0.008, 0.017, e.x));
      }
      float fold_x = 0.0195 + 0.0125 * smoothstep(-0.030, -0.062, q.y);
      float fold = bump(x, fold_x, 0.0017) * smoothstep(-0.078, -0.064, q.y) * (1.0 - smoothstep(-0.044, -0.032, q.y));
      float frown = bump(x, 0.006, 0.0011) * bump(q.y, 0.022, 0.008);
      float mario = bump(x, 0.031 - 0.15 * (q.y + 0.08), 0.0013) * bump(q.y, -0.090, 0.010) * smoothstep(0.5, 0.9, w);
      float neck = bump(fract(q.y * 90.0 + 8.0 * wob), 0.5, 0.12) * step(q.y, -0.125);
      float s = clamp(lines + 0.8 * feet + 1.1 * fold + 0.7 * frown + 0.8 * mario + 0.2 * neck, 0.0, 1.0) * w;
      base *= 1.0 - vec3(0.17, 0.22, 0.22) * s;
      float spots = smoothstep(0.74, 0.85, noise(q * 190.0 + seed * 5.0)) * smoothstep(0.6, 1.0, w);
      base *= 1.0 - vec3(0.07, 0.10, 0.12) * spots;
    }
    float red = smoothstep(0.15, 0.75, extra.x);
    float crease = noise(vec3(q.x * 900.0, q.y * 160.0, seed));
    base = mix(base, lip * (0.92 + 0.14 * crease), red * 0.86);
    spec = mix(0.15, gloss, red); rough = mix(20.0, 42.0, red);
    float forehead = bump(q.y, 0.045, 0.02) * bump(x, 0.0, 0.03) + bump(x, 0.0, 0.008) * bump(q.y, -0.02, 0.02);
    spec *= 1.0 + 0.8 * forehead + 0.5 * grain;
    float b = brow_hair(q) * step(0.0, q.z);
    base = mix(base, brow_colour, b * 0.9); spec *= 1.0 - 0.8 * b;
    float s = stubble(q, extra.x);
    base = mix(base, hair * 0.8 + 0.02, s * 0.82); spec *= 1.0 - 0.8 * s;
    if (scalp > 0.0) {
      float edge = 0.010 * (noise(vec3(q.xy * 260.0, q.z * 260.0 + seed)) - 0.5) + 0.004 * blotch;
      float h = smoothstep(-0.004, 0.007, above_hairline(q) + edge) * scalp;
      float ear = smoothstep(0.076, 0.081, x) * (1.0 - smoothstep(0.020, 0.036, q.y)) * smoothstep(-0.105, -0.09, q.z);
      h *= 1.0 - ear;
      base = mix(base, hair * 0.55, h * 0.93); spec *= 1.0 - 0.9 * h; sss *= 1.0 - h;
    }
  } else if (region == 2) {
    float shine;
    base = eye_colour(q, n, v, shine);
    vec3 c = q.x < 0.0 ? eyes[0] : eyes[1];
    float lid = smoothstep(0.0005, 0.0065, still.y - c.y) * 0.62 + 0.25 * smoothstep(0.007, 0.013, abs(still.x - c.x));
    base *= 1.0 - clamp(lid, 0.0, 0.8);
    sss = vec3(0.25); spec = 0.0; wet = 1.0; ao = 0.95;
  } else if (region == 3) {
    base = vec3(0.46, 0.16, 0.15) * smoothstep(-0.06, 0.018, q.z); ao = max(ao, 0.45); spec = 0.05;
  } else if (region == 4) {
    float side = atan(q.x, q.z + 0.012) / 0.27;
    float gap = 1.0 - 0.30 * bump(fract(side + 0.5), 0.5, 0.055);
    base = vec3(0.86, 0.81, 0.73) * gap * mix(0.45, 1.0, smoothstep(-0.03, 0.012, q.z));
    bool upper = extra.y < 0.5;
    float root = upper ? smoothstep(-0.0580, -0.0635, q.y) : smoothstep(-0.0850, -0.0790, q.y);
    base = mix(vec3(0.50, 0.20, 0.20), base, root);
    spec = 0.28; rough = 60.0; ao = 0.95; sss = vec3(0.3);
  } else if (region == 5) {
    base = vec3(0.62, 0.27, 0.26) * mix(0.25, 1.0, smoothstep(-0.035, 0.012, q.z)); spec = 0.22; rough = 40.0;
    ao *= 0.8;
  } else if (region == 6) {
    // extra.y: 0 at the root of a lash, 1 at its tip; extra.x: 1 for lower lashes.
    float comb = fract(atan(q.x - (q.x < 0.0 ? eyes[0].x : eyes[1].x), 0.011) * 9.0);
    float keep = (1.0 - smoothstep(0.25, 0.95, extra.y)) * mix(0.75, 0.16, extra.x) * lashes;
    keep *= 1.0 - 0.6 * extra.y * step(0.45, comb);
    if (keep < fract(52.98 * fract(dot(gl_FragCoord.xy, vec2(0.0671, 0.00584))))) discard;
    base = vec3(0.10, 0.07, 0.06); spec = 0.0;
  } else {
    base = vec3(0.10, 0.06, 0.05);
  }
  if (is_skin) ao = max(ao, 0.30);
  base = base * base;
  if (is_skin) n = normalize(n + (vec3(noise(q * 900.0), noise(q * 900.0 + 7.0), noise(q * 900.0 + 13.0)) - 0.5) * 0.07);
  float nl = dot(n, light);
  float shade = lit(point, n, 0.0028);
  vec3 wrap = clamp((vec3(nl) + sss * 0.55) / (1.0 + sss * 0.55), 0.0, 1.0);
  vec3 bleed = mix(vec3(shade), pow(vec3(max(shade, 0.001)), vec3(0.55, 0.9, 1.0)), sss * 0.9);
  float up = 0.5 + 0.5 * n.y;
  vec3 soft = mix(fill, sky, up) * ao;
  float other = max(dot(n, normalize(vec3(-light.x, 0.15, 0.7))), 0.0);
  if (region >= 3 && region <= 5) soft = max(soft, vec3(region == 5 ? 0.22 : 0.30)) * 1.25;
  vec3 total = base * (key * wrap * bleed * mix(0.55, 1.0, ao) + soft + fill * 0.5 * other * ao);
  vec3 h = normalize(light + v);
  float nh = max(dot(n, h), 0.0), fresnel = 0.35 + 0.65 * pow(1.0 - max(dot(n, v), 0.0), 4.0);
  total += key * spec * fresnel * pow(nh, rough) * shade * ao;
  if (wet > 0.0) {
    vec3 c = q.x < 0.0 ? eyes[0] : eyes[1];
    vec3 bulge = normalize(vec3((q.xy - c.xy) * 95.0, 1.0));
    vec3 m = normalize(n + vec3(bulge.xy * 0.35, 0.0));
    vec3 l2 = normalize(vec3(light.x * 0.7, 0.45, 0.9));
    total += key * 1.3 * smoothstep(0.982, 0.992, dot(m, normalize(l2 + v)));
    total += sky * 0.10 * pow(1.0 - max(dot(m, v), 0.0), 2.0);
  }
  float rim = pow(1.0 - max(dot(n, v), 0.0), 3.0);
  total += base * sky * rim * 0.5;
  colour = vec4(show(total), 1.0);
}
