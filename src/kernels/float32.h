/* Template: what the other templates take for single precision; see template.h. */
#undef REAL
#undef INTEGER
#undef EPSILON
#undef SMALLEST
#undef MIN_RADIUS
#undef PRECISION

#define REAL       float
#define INTEGER    int32_t
#define EPSILON    0x1p-24   /* relative error of rounding */
#define SMALLEST   0x1p-126f /* normal number */
#define MIN_RADIUS 1e-30
#define PRECISION  float32
