/* Template: what the other templates take for double precision; see template.h. */
#undef REAL
#undef INTEGER
#undef EPSILON
#undef SMALLEST
#undef MIN_RADIUS
#undef PRECISION

#define REAL       double
#define INTEGER    int64_t
#define EPSILON    0x1p-53   /* relative error of rounding */
#define SMALLEST   0x1p-1022 /* normal number */
#define MIN_RADIUS 1e-250
#define PRECISION  float64
