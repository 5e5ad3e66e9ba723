/* The parameters of a model: names, shapes, kinds, initial values, and their places in one flat
 * vector.  Trainable and frozen parameters lie in two separate vectors. */
#ifndef ENGINE_PARAMS_H
#define ENGINE_PARAMS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

#define PARAM_MAX_DIMS 4
#define PARAM_ALIGN 16 /* elements: segments start at multiples of it (64 bytes in f32) */

typedef enum {
    INIT_ZERO,
    INIT_ONE,
    INIT_NORMAL,          /* N(0, a^2) */
    INIT_UNIFORM,         /* U(-a, a) */
    INIT_XAVIER_UNIFORM,  /* U(-l, l), l = gain a * sqrt(6 / (fan_in + fan_out)); a = 0 means 1 */
    INIT_LECUN_TRUNCATED, /* N truncated at 2 sigma, sigma = sqrt(1/fan_in)/0.87962566 */
    INIT_CONSTANT,        /* a */
} param_init_kind;

typedef struct param_init {
    param_init_kind kind;
    double a;
    int64_t fan_in, fan_out; /* 0: from the shape, [out, in, ...] */
} param_init;

typedef struct param {
    char *name;
    int32_t kind; /* PODIUM_WEIGHT ... */
    int ndim;
    int64_t shape[PARAM_MAX_DIMS];
    int64_t count;
    int64_t offset; /* elements, in the trainable or the frozen vector */
    param_init init;
    bool frozen;
    bool is_output;
} param;

typedef struct params params;

int32_t params_create(params **out);
void params_destroy(params *p);

/* Declares a parameter, or finds it when one of this name exists: then shape must agree (recording
 * a second graph of the same model).  Returns its number, or a negative status. */
int32_t params_declare(params *p, const param *spec);
/* Decides which parameters declared from now on are frozen, whatever their declaration says; NULL
 * undoes it.  context is borrowed for as long as parameters are declared. */
typedef bool (*params_rule)(const param *spec, const void *context);
void params_freeze(params *p, params_rule is_frozen, const void *context);
/* After this, params_declare only finds: an unknown name is an error. */
void params_close(params *p);

int32_t params_count(const params *p);
const param *params_get(const params *p, int32_t i);
int32_t params_find(const params *p, const char *name); /* number, or -1 */
int64_t params_trainable_elements(const params *p);     /* true elements, without padding */
int64_t params_vector_length(const params *p); /* elements of the flat vector, with padding */
int64_t params_frozen_length(const params *p);

/* Initial values: each parameter from its own Philox stream of `seed` (number i is stream i), so
 * the same on every backend.  dtype PODIUM_F32 or PODIUM_F64; padding is zeroed.  frozen may be
 * NULL. */
int32_t params_initialise(const params *p, uint64_t seed, int32_t dtype, void *vector,
                          void *frozen);

#endif
