/* The runner process from the referee's side: what it serves, how it ends, what hostile messages
 * do.  Programs run on host memory in single precision here; the .so files are those of
 * tests/bad_submissions and optimizers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/replay.h"
#include "harness/hyperparameters.h"
#include "harness/runner_internal.h"
#include "tests/tap.h"

static const runner_param list[] = {
    {.kind = PODIUM_WEIGHT, .ndim = 2, .shape = {5, 4}, .count = 20},
    {.kind = PODIUM_BIAS, .ndim = 1, .shape = {5}, .count = 5, .offset = 32},
};
#define LENGTH 48

static int32_t run_program(backend *b, program *p, const program_args *args)
{
    return program_run_host(p, args, b->threads);
}

static int32_t run_linalg(backend *b, const linalg_call *c)
{
    return linalg_run_host(&b->linalg_space, c);
}

static backend single = {.name = "host",
                         .real = PODIUM_F32,
                         .threads = 1,
                         .host_memory = true,
                         .program_run = run_program,
                         .linalg = run_linalg,
                         .linalg_space = {.real = PODIUM_F32}};

/* Loss |x|^2 / 2. */
static int32_t evaluate(void *arg, const void *at, void *grad, uint32_t what, podium_eval *io)
{
    const float *x = at;
    int *calls = arg;
    (void)what;
    ++*calls;
    for (int i = 0; i < LENGTH; i++) {
        io->loss += 0.5 * (double)(x[i] * x[i]);
        if (grad)
            ((float *)grad)[i] = x[i];
    }
    io->num_examples = 3;
    return 0;
}

static int calls;

static runner *started(const char *so)
{
    char path[512];
    const char *build = getenv("PODIUM_BUILD");
    snprintf(path, sizeof path, "%s/%s", build ? build : "build", so);
    runner_config config = {
        .so_path = path,
        .params = list,
        .num_params = 2,
        .vector_length = LENGTH,
        .dtype = PODIUM_F32,
        .backend = &single,
        .step_hint = 100,
        .batch_size = 3,
        .timeout_seconds = 5,
        .evaluate = evaluate,
        .evaluate_arg = &calls,
    };
    runner *r;
    if (runner_start(&r, &config))
        tap_diag("%s", podium_error());
    return r;
}

static runner *created(const char *so)
{
    runner *r = started(so);
    hyperparameters *h = NULL;
    if (!r || hyperparameters_create(&h, r, 0, NULL, NULL) || hyperparameters_send(h))
        tap_diag("%s", podium_error());
    hyperparameters_destroy(h);
    for (int i = 0; i < LENGTH; i++)
        ((float *)runner_x(r))[i] = (float)(i + 1);
    if (runner_create(r))
        tap_diag("%s", podium_error());
    return r;
}

static void test_step(void)
{
    runner *r = created("tests/bad_submissions/good.so");
    calls = 0;
    ok(runner_step(r, 0, 1, NAN, NAN) == 0, "a step returns");
    const float *x = runner_x(r);
    ok(calls == 1 && fabs((double)x[3] - 0.9 * 4) < 1e-6, "it evaluated once and moved by -0.1 g");
    const runner_counters *c = runner_get_counters(r);
    ok(c->host_calls == 3 && c->gradient_evaluations == 1, "host calls and gradients are counted");
    ok(c->vector_bytes == LENGTH * 4, "one vector is counted as optimizer memory");
    ok(runner_resident_growth(r) >= 0, "resident growth is known");
    runner_stop(r);
}

static void test_freeze(void)
{
    runner *r = created("tests/bad_submissions/good.so");
    char path[64], state = 0;
    ok(!runner_freeze(r) && !runner_freeze(r), "a runner freezes, twice is fine");
    snprintf(path, sizeof path, "/proc/%d/stat", runner_pid(r));
    FILE *f = fopen(path, "r");
    ok(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && state == 'T', "then it is stopped");
    if (f)
        fclose(f);
    ok(runner_step(r, 0, 1, NAN, NAN) == PODIUM_EINVAL, "a call to a frozen runner is refused");
    ok(!runner_thaw(r) && !runner_step(r, 0, 1, NAN, NAN), "thawed, it goes on");
    runner_kill(r);
    ok(runner_step(r, 1, 1, NAN, NAN) < 0, "a killed runner takes no calls");
    runner_stop(r);
}

static void test_snapshot(void)
{
    runner *r = created("optimizers/adamw.so");
    for (int i = 0; i < 3; i++)
        runner_step(r, i, 1, NAN, NAN);
    void *bytes;
    size_t size;
    ok(!runner_snapshot(r, &bytes, &size), "a snapshot is taken");
    runner_step(r, 3, 1, NAN, NAN);
    float after[LENGTH];
    memcpy(after, runner_x(r), sizeof after);
    runner_kill(r);
    runner_stop(r);
    r = created("optimizers/adamw.so");
    ok(!runner_restore(r, bytes, size) && !runner_step(r, 3, 1, NAN, NAN) &&
           !memcmp(after, runner_x(r), sizeof after),
       "restored in a fresh process, the next step is the same, bit by bit");
    ok(runner_restore(r, bytes, size - 1) == PODIUM_EINVAL, "a cut snapshot is refused");
    ok(runner_restore(r, bytes, 10) == PODIUM_EINVAL, "and a very short one");
    runner_stop(r);
    r = created("optimizers/sgd.so");
    ok(runner_restore(r, bytes, size) == PODIUM_EINVAL, "and that of another optimizer");
    free(bytes);
    runner_stop(r);
}

static void test_values(void)
{
    runner *r = started("optimizers/nadamw.so");
    hyperparameters *h;
    hyperparameters_create(&h, r, 0, NULL, NULL);
    ok(hyperparameters_are_default(h), "untouched values are the defaults");
    ok(!hyperparameters_set_text(h, "lr=0.5") && !hyperparameters_are_default(h),
       "a changed value is not");
    ok(!hyperparameters_set_text(h, "lr=0.001") && hyperparameters_are_default(h),
       "set back, they are again");
    ok(hyperparameters_set_text(h, "rate=1") && strstr(podium_error(), "it has lr, beta1, beta2"),
       "an unknown name lists the legal ones");
    ok(hyperparameters_set_text(h, "beta1=2") && strstr(podium_error(), "from 0 to"),
       "a value out of range names the range");
    ok(hyperparameters_set_text(h, "beta1=0.9x"), "text after a number is refused");
    ok(hyperparameters_set_text(h, "schedule=cosin") && strstr(podium_error(), "cosine, linear"),
       "a wrong choice lists the choices");
    ok(!hyperparameters_set_text(h, "grad_clip=none") && hyperparameters_set_text(h, "lr=none"),
       "none is for those that may be none");
    yaml_document *d;
    const char text[] = "lr: 0.1\nschedule: cosine\nbeta3: 1\n";
    ok(!yaml_parse(&d, text, sizeof text - 1, "s.yaml") &&
           hyperparameters_set_yaml(h, yaml_root(d)) && strstr(podium_error(), "s.yaml:3:"),
       "an unknown name in yaml is told with its line");
    yaml_destroy(d);
    hyperparameters_destroy(h);
    runner_stop(r);
}

static int32_t find_base(void *arg, const char *name, char *path, size_t size)
{
    const char *build = getenv("PODIUM_BUILD");
    (void)arg;
    snprintf(path, size, "%s/optimizers/%s.so", build ? build : "build", name);
    return 0;
}

/* Heavy ball with dampening 0 is linear in the gradient: half of it is half the way. */
static void test_wrapper(void)
{
    runner *r = started("tests/bad_submissions/wrapper.so");
    hyperparameters *h;
    ok(!hyperparameters_create(&h, r, 0, find_base, NULL) &&
           !hyperparameters_set_text(h, "base=heavy_ball") &&
           !hyperparameters_set_text(h, "base.lr=0.5"),
       "a wrapper takes a base and values for it");
    yaml_document *d;
    const char text[] = "base.lr: 0.5\nbase: {name: heavy_ball, lr: 0.1}\n";
    ok(!yaml_parse(&d, text, sizeof text - 1, "s.yaml") &&
           !hyperparameters_set_yaml(h, yaml_root(d)) && !hyperparameters_send(h),
       "in yaml as well, by name or by a dotted key");
    yaml_destroy(d);
    hyperparameters_destroy(h);
    for (int i = 0; i < LENGTH; i++)
        ((float *)runner_x(r))[i] = (float)(i + 1);
    ok(!runner_create(r) && !runner_step(r, 0, 1, NAN, NAN), "it runs");
    ok(((float *)runner_x(r))[7] == 8 - 0.25f * 8, "the base sees the wrapper's gradient");
    ok(runner_get_counters(r)->vector_bytes == LENGTH * 4, "the base's vectors are the host's");
    runner_stop(r);
}

/* `so` with the assignments, ended by NULL, created. */
static runner *wrapped(const char *so, const char *const *sets)
{
    runner *r = started(so);
    hyperparameters *h = NULL;
    int32_t rc = hyperparameters_create(&h, r, 0, find_base, NULL);
    for (; !rc && *sets; sets++)
        rc = hyperparameters_set_text(h, *sets);
    if (rc || hyperparameters_send(h))
        tap_diag("%s", podium_error());
    hyperparameters_destroy(h);
    for (int i = 0; i < LENGTH; i++)
        ((float *)runner_x(r))[i] = (float)(i + 1);
    if (runner_create(r))
        tap_diag("%s", podium_error());
    return r;
}

/* Steps t to t + n, then the parameters. */
static bool steps(runner *r, int64_t t, int64_t n, float *x)
{
    for (int64_t i = t; i < t + n; i++)
        if (runner_step(r, i, (uint64_t)i, NAN, NAN)) {
            tap_diag("%s", podium_error());
            return false;
        }
    memcpy(x, runner_x(r), LENGTH * sizeof *x);
    return true;
}

/* Any depth, state of all levels in the snapshot. */
static void test_composition(void)
{
    static const struct {
        const char *so, *what;
        const char *sets[5];
        int gradients; /* a step */
    } cases[] = {
        {"optimizers/mechanic.so",
         "mechanic(sam(adamw))",
         {"base=sam", "base.base=adamw", "base.base.lr=1"},
         2},
        {"optimizers/sam.so",
         "sam(mechanic_optax(nadamw))",
         {"base=mechanic_optax", "base.base=nadamw", "base.base.lr=1"},
         2},
        {"optimizers/sam.so", "sam(prodigy)", {"base=prodigy"}, 2},
        {"optimizers/sam.so", "sam(asam(sgd))", {"base=asam", "base.base=sgd"}, 4},
        {"optimizers/mechanic_optax.so", "mechanic_optax(soap)", {"base=soap", "s_init=0.1"}, 1},
        {"optimizers/shampoo.so", "shampoo", {"grafting=adam"}, 1},
        {"optimizers/muon.so", "muon", {"weight_decay=0.1"}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float once[LENGTH], again[LENGTH];
        void *bytes = NULL;
        size_t size;
        runner *r = wrapped(cases[i].so, cases[i].sets);
        bool ran = steps(r, 0, 4, once) && !runner_snapshot(r, &bytes, &size) &&
                   steps(r, 4, 4, once);
        int64_t gradients = runner_get_counters(r)->gradient_evaluations;
        runner_stop(r);
        r = wrapped(cases[i].so, cases[i].sets);
        bool resumed = ran && !runner_restore(r, bytes, size) && steps(r, 4, 4, again);
        ok(resumed && !memcmp(once, again, sizeof once) && gradients == 8 * cases[i].gradients &&
               isfinite(once[0]) && once[0] != 1,
           "%s runs, resumes bit by bit, and takes %d gradients a step", cases[i].what,
           cases[i].gradients);
        free(bytes);
        runner_stop(r);
    }
}

/* A base that averages is looked at through its wrapper. */
static void test_wrapped_evaluation(void)
{
    static const char *const sos[] = {"optimizers/sam.so", "optimizers/mechanic.so"};
    static const char *const sets[] = {"base=dog", "base.averaging_gamma=8", "base.reps_rel=0.01",
                                       NULL};
    for (int i = 0; i < 2; i++) {
        float before[LENGTH], during[LENGTH];
        runner *r = wrapped(sos[i], sets);
        bool ran = steps(r, 0, 5, before) && !runner_before_eval(r);
        memcpy(during, runner_x(r), sizeof during);
        ok(ran && memcmp(before, during, sizeof before) && !runner_after_eval(r) &&
               !memcmp(before, runner_x(r), sizeof before),
           "%s shows its base's average and goes on where it was", sos[i]);
        runner_stop(r);
    }
}

/* A forged request, as a hostile process could write it. */
static int32_t forge(uint32_t command, const protocol_message *m, runner_end *how)
{
    runner *r = created("tests/bad_submissions/good.so");
    r->command = command;
    r->message = *m;
    int32_t rc = runner_serve(r);
    *how = runner_ended(r);
    runner_stop(r);
    return rc;
}

static void test_hostile(void)
{
    static const struct {
        const char *what;
        uint32_t command;
        protocol_message m;
    } cases[] = {
        {"an unknown request", PROTOCOL_STEP, {.kind = 77}},
        {"too many bytes", PROTOCOL_STEP, {.kind = PROTOCOL_FAIL, .length = 1u << 30}},
        {"a host call outside a call", PROTOCOL_LOAD, {.kind = PROTOCOL_EVALUATE, .i = {2}}},
        {"a vector that is none",
         PROTOCOL_STEP,
         {.kind = PROTOCOL_VEC_COPY, .vectors = {3, 60000}}},
        {"a gradient that is none", PROTOCOL_STEP, {.kind = PROTOCOL_EVALUATE, .i = {2, 0, 9}}},
        {"a negative vector", PROTOCOL_STEP, {.kind = PROTOCOL_EVALUATE, .i = {2, -1, 1}}},
        {"a program that was never sent",
         PROTOCOL_STEP,
         {.kind = PROTOCOL_VEC_PROGRAM, .i = {500, 0, 1}}},
        {"a program with too many constants",
         PROTOCOL_STEP,
         {.kind = PROTOCOL_VEC_PROGRAM, .i = {0, 1, 1, 1 << 20}}},
        {"a program with negative sums",
         PROTOCOL_STEP,
         {.kind = PROTOCOL_VEC_PROGRAM, .i = {0, 1, 1, 0, 0, -4}}},
        {"a sum of too many numbers", PROTOCOL_STEP, {.kind = PROTOCOL_ALL_SUM, .i = {1 << 20}}},
        {"a vector without a name", PROTOCOL_CREATE, {.kind = PROTOCOL_VEC_CREATE}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        runner_end how;
        int32_t rc = forge(cases[i].command, &cases[i].m, &how);
        ok(rc == PODIUM_EPROTOCOL && how == RUNNER_PROTOCOL, "%s ends the trial", cases[i].what);
    }
}

/* Linear algebra calls of a hostile process: the trial ends before anything is touched. */
static void test_hostile_linalg(void)
{
    const protocol_block good = {.ndim = 2, .shape = {5, 4}, .stride = {4, 1}};
    static const struct {
        const char *what;
        int32_t is_array, index, ndim;
        int64_t offset, shape, stride;
        int32_t op, mode, order_length;
    } cases[] = {
        {"nothing", 0, 0, 2, 0, 5, 4, PROTOCOL_DOT, 0, 0},
        {"an array that is none", 1, 0, 2, 0, 5, 4, PROTOCOL_DOT, 0, 0},
        {"a vector that is none", 0, 60000, 2, 0, 5, 4, PROTOCOL_DOT, 0, 0},
        {"a negative vector", 0, -1, 2, 0, 5, 4, PROTOCOL_DOT, 0, 0},
        {"too many axes", 0, 0, 9, 0, 5, 4, PROTOCOL_DOT, 0, 0},
        {"a negative offset", 0, 0, 2, -1, 5, 4, PROTOCOL_DOT, 0, 0},
        {"an offset that overflows", 0, 0, 2, INT64_MAX, 5, 4, PROTOCOL_DOT, 0, 0},
        {"a stride that overflows", 0, 0, 2, 0, 5, INT64_MAX / 2, PROTOCOL_DOT, 0, 0},
        {"one row too many", 0, 0, 2, 0, 13, 4, PROTOCOL_DOT, 0, 0},
        {"one element looked at for ever", 0, 0, 2, 0, (int64_t)1 << 40, 0, PROTOCOL_DOT, 0, 0},
        {"an unknown operation", 0, 0, 2, 0, 5, 4, 99, 0, 0},
        {"an order for an axis that is none", 0, 0, 2, 0, 5, 4, PROTOCOL_TAKE, 7, 5},
        {"an order too short", 0, 0, 2, 0, 5, 4, PROTOCOL_TAKE, 0, 3},
        {"an order of negative length", 0, 0, 2, 0, 5, 4, PROTOCOL_TAKE, 0, -1},
        {"rows and columns that are not there", 0, 0, 2, 0, 5, 4, PROTOCOL_AXIS_SCALE, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        protocol_linalg q = {.op = cases[i].op,
                             .mode = cases[i].mode,
                             .order_length = cases[i].order_length,
                             .block = {good, good}};
        q.block[0].is_array = cases[i].is_array;
        q.block[0].index = cases[i].index;
        q.block[0].ndim = cases[i].ndim;
        q.block[0].offset = cases[i].offset;
        q.block[0].shape[0] = cases[i].shape;
        q.block[0].stride[0] = cases[i].stride;
        runner *r = created("tests/bad_submissions/good.so");
        int32_t order = cases[i].order_length > 0 ? cases[i].order_length : 0;
        r->command = PROTOCOL_STEP;
        r->message = (protocol_message){
            .kind = PROTOCOL_LINALG,
            .length = (uint32_t)(sizeof q + (size_t)order * sizeof order),
        };
        memset(r->control->bytes, 0, sizeof q + 64);
        memcpy(r->control->bytes, &q, sizeof q);
        int32_t rc = runner_serve(r);
        if (i == 0)
            ok(!rc && !r->control->message.status, "a good block is served");
        else
            ok(rc == PODIUM_EPROTOCOL && runner_ended(r) == RUNNER_PROTOCOL,
               "a block: %s ends the trial", cases[i].what);
        runner_stop(r);
    }
}

/* An array that would take the machine's memory is refused, and the next one is not. */
static void test_array_limit(void)
{
    runner *r = created("tests/bad_submissions/good.so");
    r->command = PROTOCOL_CREATE;
    int64_t counts[2] = {(int64_t)1 << 33, 100};
    int32_t status[2] = {0};
    r->arrays_limit = 1 << 20;
    for (int i = 0; i < 2; i++) {
        r->message = (protocol_message){.kind = PROTOCOL_ARRAY_CREATE, .length = 1};
        r->message.i[0] = counts[i];
        r->control->bytes[0] = 'a';
        ok(!runner_serve(r), "an array is asked for");
        status[i] = r->control->message.status;
    }
    ok(status[0] == PODIUM_ENOMEM && status[1] == 0, "too large a one is refused, the next is not");
    runner_stop(r);
}

/* The single-precision replay, by the magnitude rule of the goldens. */
static void test_replay(void)
{
    static const char *const names[] = {"nadamw", "adamw", "nesterov", "heavy_ball", "sgd"};
    for (int i = 0; i < 5; i++) {
        char path[128], so[512];
        const char *build = getenv("PODIUM_BUILD");
        snprintf(path, sizeof path, "tests/golden/optimizers/%s-quadratic-a.json", names[i]);
        snprintf(so, sizeof so, "%s/optimizers/%s.so", build ? build : "build", names[i]);
        replay_case *c = NULL;
        replay_result result = {0};
        int32_t rc = replay_load(&c, path);
        if (!rc)
            rc = replay_run(c, so, &single, -1, &result);
        if (rc)
            tap_diag("%s", podium_error());
        ok(!rc && result.passed && result.magnitude > 1e-9,
           "%s replays in single precision: error %.1e of the weights", names[i], result.error);
        replay_destroy(c);
    }
}

int main(void)
{
    test_step();
    test_freeze();
    test_snapshot();
    test_values();
    test_wrapper();
    test_composition();
    test_wrapped_evaluation();
    test_hostile();
    test_hostile_linalg();
    test_array_limit();
    test_replay();
    return tap_done();
}
