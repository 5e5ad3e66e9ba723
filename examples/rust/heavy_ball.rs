//! Heavy-ball momentum in Rust: g = grad + wd x, v = mu v + g, x = x - lr v.
//!
//!     rustc --edition 2021 -O --crate-type cdylib -C panic=abort -o heavy_ball.so examples/rust/heavy_ball.rs
//!     podium check heavy_ball.so
//!
//! The structures are include/podium/submission.h at 1.0, fields in the header's order; what this
//! submission does not call is an opaque pointer.
use std::ffi::{c_char, c_void};
use std::mem::{size_of, zeroed};
use std::ptr;

const NUMBER: i32 = 1;
const LOSS: u32 = 1;
const GRAD: u32 = 2;

#[repr(C)]
pub struct Vector {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct Task {
    struct_size: u32,
    rank: i32,
    world_size: i32,
    dtype: i32,
    params: *const *const c_void,
    num_params: usize,
    num_elements: i64,
    step_hint: i64,
    batch_size: i64,
    seed: u64,
    x: *mut Vector,
    g: *mut Vector,
}

#[repr(C)]
pub struct Eval {
    struct_size: u32,
    precision: i32,
    seed: u64,
    at: *mut Vector,
    grad: *mut Vector,
    has_regularisation: i32,
    pad: i32,
    dropout: f64,
    label_smoothing: f64,
    loss: f64,
    num_examples: f64,
}

#[repr(C)]
pub struct Step {
    struct_size: u32,
    pad: i32,
    index: i64,
    seed: u64,
    batch: *mut c_void,
    last_metric: f64,
    last_loss: f64,
}

#[repr(C)]
pub struct Host {
    struct_size: u32,
    abi_minor: u32,
    ctx: *mut c_void,
    vec_create: unsafe extern "C" fn(*const Host, *const c_char, i32, *mut *mut Vector) -> i32,
    vec_copy: *const c_void,
    vec_run:
        unsafe extern "C" fn(*const Host, *const c_char, *const *mut Vector, i32, *const f64, i32) -> i32,
    vec_program: *const c_void,
    vec_view: *const c_void,
    keep: *const c_void,
    evaluate: unsafe extern "C" fn(*const Host, *mut c_void, u32, *mut Eval) -> i32,
}

#[repr(C)]
pub struct Hyperparameter {
    struct_size: u32,
    kind: i32,
    name: *const c_char,
    help: *const c_char,
    value: f64,
    min: f64,
    max: f64,
    scale: i32,
    may_be_none: i32,
    choices: *const *const c_char,
    list: *const f64,
    list_length: usize,
    base: *const c_char,
}

#[repr(C)]
pub struct Value {
    struct_size: u32,
    kind: i32,
    number: f64,
}

#[repr(C)]
pub struct Submission {
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
    name: *const c_char,
    version: *const c_char,
    authors: *const c_char,
    url: *const c_char,
    needs: u64,
    hyperparameters: *const [*const Hyperparameter; 5],
    batch_size: *const c_void,
    create: unsafe extern "C" fn(*const Host, *const Task, *const *const Value, *mut *mut c_void) -> i32,
    step: unsafe extern "C" fn(*mut c_void, *const Step) -> i32,
    before_eval: *const c_void,
    after_eval: *const c_void,
    destroy: unsafe extern "C" fn(*mut c_void),
}

struct HeavyBall {
    host: *const Host,
    task: *const Task,
    velocity: *mut Vector,
    lr: f64,
    momentum: f64,
    weight_decay: f64,
    dampening: f64,
}

unsafe extern "C" fn create(
    host: *const Host,
    task: *const Task,
    values: *const *const Value,
    state: *mut *mut c_void,
) -> i32 {
    let number = |i: usize| (**values.add(i)).number;
    let mut o = Box::new(HeavyBall {
        host,
        task,
        velocity: ptr::null_mut(),
        lr: number(0),
        momentum: number(1),
        weight_decay: number(2),
        dampening: number(3),
    });
    let rc = ((*host).vec_create)(host, text(b"velocity\0"), 0, &mut o.velocity);
    *state = Box::into_raw(o) as *mut c_void;
    rc
}

unsafe extern "C" fn step(state: *mut c_void, s: *const Step) -> i32 {
    let o = &*(state as *const HeavyBall);
    let mut e: Eval = zeroed();
    e.struct_size = size_of::<Eval>() as u32;
    e.seed = (*s).seed;
    let rc = ((*o.host).evaluate)(o.host, (*s).batch, LOSS | GRAD, &mut e);
    if rc != 0 {
        return rc;
    }
    // The velocity is zero before the first step, which takes the whole gradient.
    let share = if (*s).index == 0 { 1.0 } else { 1.0 - o.dampening };
    let c = [o.lr, o.momentum, share, o.weight_decay];
    let v = [(*o.task).x, (*o.task).g, o.velocity];
    let program = text(b"v2 = c1*v2 + c2*(v1 + c3*v0); v0 = v0 - c0*v2\0");
    ((*o.host).vec_run)(o.host, program, v.as_ptr(), 3, c.as_ptr(), 4)
}

unsafe extern "C" fn destroy(state: *mut c_void) {
    if !state.is_null() {
        drop(Box::from_raw(state as *mut HeavyBall));
    }
}

const fn text(bytes: &'static [u8]) -> *const c_char {
    bytes.as_ptr() as *const c_char
}

const fn number(name: &'static [u8], help: &'static [u8], value: f64, max: f64) -> Hyperparameter {
    Hyperparameter {
        struct_size: size_of::<Hyperparameter>() as u32,
        kind: NUMBER,
        name: text(name),
        help: text(help),
        value,
        min: 0.0,
        max,
        scale: 0,
        may_be_none: 0,
        choices: ptr::null(),
        list: ptr::null(),
        list_length: 0,
        base: ptr::null(),
    }
}

/// Constant data behind raw pointers, read by one thread.
struct Constant<T>(T);
unsafe impl<T> Sync for Constant<T> {}

static LR: Constant<Hyperparameter> = Constant(number(b"lr\0", b"learning rate\0", 0.01, 1e3));
static MOMENTUM: Constant<Hyperparameter> = Constant(number(b"momentum\0", b"decay of the velocity\0", 0.9, 1.0));
static DECAY: Constant<Hyperparameter> =
    Constant(number(b"weight_decay\0", b"added to the gradient, times x\0", 0.0, 1e3));
static DAMPENING: Constant<Hyperparameter> =
    Constant(number(b"dampening\0", b"share of the gradient left out of the velocity\0", 0.0, 1.0));
static LIST: Constant<[*const Hyperparameter; 5]> =
    Constant([&LR.0, &MOMENTUM.0, &DECAY.0, &DAMPENING.0, ptr::null()]);

static TABLE: Constant<Submission> = Constant(Submission {
    struct_size: size_of::<Submission>() as u32,
    abi_major: 1,
    abi_minor: 0,
    name: text(b"heavy_ball_rust\0"),
    version: text(b"1.0\0"),
    authors: ptr::null(),
    url: ptr::null(),
    needs: 0,
    hyperparameters: &LIST.0,
    batch_size: ptr::null(),
    create,
    step,
    before_eval: ptr::null(),
    after_eval: ptr::null(),
    destroy,
});

/// The one exported symbol.
#[no_mangle]
pub extern "C" fn podium_get_submission(host_major: u32, _host_minor: u32) -> *const Submission {
    if host_major == 1 {
        &TABLE.0
    } else {
        ptr::null()
    }
}
