/* CUDA's names for HIP's: what the sources in ../cuda use, no more. */
#ifndef ENGINE_HIP_RENAME_H
#define ENGINE_HIP_RENAME_H

#include <hip/hip_runtime.h>
#include <hip/hiprtc.h>
#include <hipblas/hipblas.h>

#define GPU_NAME "hip"
/* hipRTC compiles for the current device by itself; the format's arguments go unused. */
#define GPU_ARCHITECTURE "-DPODIUM_DEVICE_MAJOR=%d%d"
#define GPU_NO_CONTRACTION "-ffp-contract=off"

#define CUDA_SUCCESS hipSuccess
#define CUfunction hipFunction_t
#define CUmodule hipModule_t
#define cuLaunchKernel hipModuleLaunchKernel
#define cuModuleGetFunction hipModuleGetFunction
#define cuModuleLoadData hipModuleLoadData
#define cuModuleUnload (void)hipModuleUnload
#define cudaDeviceProp hipDeviceProp_t
#define cudaErrorMemoryAllocation hipErrorOutOfMemory
#define cudaError_t hipError_t
#define cudaFree (void)hipFree
#define cudaGetDeviceCount hipGetDeviceCount
#define cudaGetDeviceProperties hipGetDeviceProperties
#define cudaGetErrorString hipGetErrorString
#define cudaGetLastError hipGetLastError
#define cudaMalloc hipMalloc
#define cudaMemcpyAsync hipMemcpyAsync
#define cudaMemcpyDeviceToDevice hipMemcpyDeviceToDevice
#define cudaMemcpyDeviceToHost hipMemcpyDeviceToHost
#define cudaMemcpyHostToDevice hipMemcpyHostToDevice
#define cudaMemsetAsync hipMemsetAsync
#define cudaSetDevice hipSetDevice
#define cudaStreamCreate hipStreamCreate
#define cudaStreamDestroy (void)hipStreamDestroy
#define cudaStreamSynchronize hipStreamSynchronize
#define cudaStream_t hipStream_t
#define cudaSuccess hipSuccess

#define CUBLAS_OP_N HIPBLAS_OP_N
#define CUBLAS_OP_T HIPBLAS_OP_T
#define CUBLAS_STATUS_SUCCESS HIPBLAS_STATUS_SUCCESS
#define cublasCreate hipblasCreate
#define cublasDestroy (void)hipblasDestroy
#define cublasHandle_t hipblasHandle_t
#define cublasSetStream hipblasSetStream
#define cublasSgemmStridedBatched hipblasSgemmStridedBatched
#define cublasStatus_t hipblasStatus_t

#define NVRTC_SUCCESS HIPRTC_SUCCESS
#define nvrtcCompileProgram(program, count, options) \
    hiprtcCompileProgram(program, count, const_cast<const char **>(options))
#define nvrtcCreateProgram hiprtcCreateProgram
#define nvrtcDestroyProgram (void)hiprtcDestroyProgram
#define nvrtcGetCUBIN hiprtcGetCode
#define nvrtcGetCUBINSize hiprtcGetCodeSize
#define nvrtcGetErrorString hiprtcGetErrorString
#define nvrtcGetProgramLog (void)hiprtcGetProgramLog
#define nvrtcGetProgramLogSize hiprtcGetProgramLogSize
#define nvrtcProgram hiprtcProgram
#define nvrtcResult hiprtcResult

#endif
