// Heavy-ball momentum in C++: g = grad + wd x, v = mu v + g, x = x - lr v.
//
//     g++ -std=c++17 -O2 -Iinclude -fPIC -shared -fvisibility=hidden -o heavy_ball.so
//     examples/cpp/heavy_ball.cpp podium check heavy_ball.so
//
// What C++ adds to the rules of docs/abi.md: no exception may leave a function of the table.
#include <new>
#include "podium/submission.h"

namespace
{

class HeavyBall
{
  public:
    HeavyBall(const podium_host *host, const podium_task *task, const podium_value *const *values)
        : host_(host), task_(task), lr_(values[0]->number), momentum_(values[1]->number),
          weight_decay_(values[2]->number), dampening_(values[3]->number)
    {
    }

    int32_t create()
    {
        return host_->vec_create(host_, "velocity", 0, &velocity_);
    }

    int32_t step(const podium_step &s)
    {
        podium_eval e{};
        e.struct_size = sizeof e;
        e.seed = s.seed;
        if (int32_t rc = host_->evaluate(host_, s.batch, PODIUM_LOSS | PODIUM_GRAD, &e))
            return rc;
        podium_vec *const v[] = {task_->x, task_->g, velocity_};
        // The velocity is zero before the first step, which takes the whole gradient.
        const double c[] = {lr_, momentum_, s.index ? 1 - dampening_ : 1, weight_decay_};
        return host_->vec_run(host_, "v2 = c1*v2 + c2*(v1 + c3*v0); v0 = v0 - c0*v2", v, 3, c, 4);
    }

  private:
    const podium_host *host_;
    const podium_task *task_;
    podium_vec *velocity_ = nullptr;
    double lr_, momentum_, weight_decay_, dampening_;
};

podium_hyperparameter number(const char *name, const char *help, double value, double max)
{
    podium_hyperparameter h{};
    h.struct_size = sizeof h;
    h.type = PODIUM_NUMBER;
    h.name = name;
    h.help = help;
    h.value = value;
    h.max = max;
    return h;
}

int32_t create(const podium_host *h, const podium_task *t, const podium_value *const *values,
               void **self)
{
    auto *o = new (std::nothrow) HeavyBall(h, t, values);
    *self = o;
    return o ? o->create() : h->fail(h, PODIUM_ENOMEM, "no memory");
}

int32_t step(void *self, const podium_step *s)
{
    return static_cast<HeavyBall *>(self)->step(*s);
}

void destroy(void *self)
{
    delete static_cast<HeavyBall *>(self);
}

} // namespace

extern "C" const podium_submission *podium_get_submission(uint32_t host_major, uint32_t)
{
    static const podium_hyperparameter lr = number("lr", "learning rate", 0.01, 1e3);
    static const podium_hyperparameter momentum = number("momentum", "decay of the velocity", 0.9,
                                                         1);
    static const podium_hyperparameter decay = number("weight_decay",
                                                      "added to the gradient, times x", 0, 1e3);
    static const podium_hyperparameter dampening = number(
        "dampening", "share of the gradient left out of the velocity", 0, 1);
    static const podium_hyperparameter *const list[] = {&lr, &momentum, &decay, &dampening,
                                                        nullptr};
    static const podium_submission table = [] {
        podium_submission t{};
        t.struct_size = sizeof t;
        t.abi_major = PODIUM_ABI_MAJOR;
        t.abi_minor = PODIUM_ABI_MINOR;
        t.name = "heavy_ball_cpp";
        t.version = "1.0";
        t.hyperparameters = list;
        t.create = create;
        t.step = step;
        t.destroy = destroy;
        return t;
    }();
    return host_major == PODIUM_ABI_MAJOR ? &table : nullptr;
}
