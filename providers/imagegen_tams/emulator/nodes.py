"""
The node classes that the emulator knows: inputs that must be there, how many outputs, and ComfyUI's own names.

From https://github.com/comfyanonymous/ComfyUI (`nodes.py`, `comfy/samplers.py`); the TensorArt_ classes are those of
https://github.com/Tensor-Art/ComfyUI_TENSOR_ART.  Any other class is let through with a warning.
"""

from __future__ import annotations

_SAMPLER = ("model", "positive", "negative", "latent_image", "steps", "cfg", "sampler_name", "scheduler")

REQUIRED: dict[str, tuple[str, ...]] = {
    "BasicGuider": ("model", "conditioning"),
    "BasicScheduler": ("model", "scheduler", "steps", "denoise"),
    "CFGGuider": ("model", "positive", "negative", "cfg"),
    "CLIPSetLastLayer": ("clip", "stop_at_clip_layer"),
    "CLIPTextEncode": ("clip", "text"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "ConditioningCombine": ("conditioning_1", "conditioning_2"),
    "ControlNetApply": ("conditioning", "control_net", "image", "strength"),
    "ControlNetApplyAdvanced": ("positive", "negative", "control_net", "image", "strength"),
    "ControlNetLoader": ("control_net_name",),
    "DualCLIPLoader": ("clip_name1", "clip_name2", "type"),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "FluxGuidance": ("conditioning", "guidance"),
    "ImageScale": ("image", "upscale_method", "width", "height"),
    "ImageScaleBy": ("image", "upscale_method", "scale_by"),
    "ImageToMask": ("image", "channel"),
    "ImageUpscaleWithModel": ("upscale_model", "image"),
    "InvertMask": ("mask",),
    "KSampler": (*_SAMPLER, "seed", "denoise"),
    "KSamplerAdvanced": (*_SAMPLER, "noise_seed", "start_at_step", "end_at_step"),
    "KSamplerSelect": ("sampler_name",),
    "LatentUpscale": ("samples", "upscale_method", "width", "height"),
    "LatentUpscaleBy": ("samples", "upscale_method", "scale_by"),
    "LoadImage": ("image",),
    "LoadImageMask": ("image", "channel"),
    "LoraLoader": ("model", "clip", "lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("model", "lora_name", "strength_model"),
    "PreviewImage": ("images",),
    "RandomNoise": ("noise_seed",),
    "RepeatLatentBatch": ("samples", "amount"),
    "SamplerCustomAdvanced": ("noise", "guider", "sampler", "sigmas", "latent_image"),
    "SaveAnimatedWEBP": ("images", "fps"),
    "SaveImage": ("images",),
    "SetLatentNoiseMask": ("samples", "mask"),
    "TensorArt_LoadImage": ("image",),
    "TensorArt_PromptText": ("Text",),
    "UNETLoader": ("unet_name",),
    "UpscaleModelLoader": ("model_name",),
    "VAEDecode": ("samples", "vae"),
    "VAEEncode": ("pixels", "vae"),
    "VAEEncodeForInpaint": ("pixels", "vae", "mask"),
    "VAELoader": ("vae_name",),
}

_SEVERAL = {
    "CheckpointLoaderSimple": 3,
    "ControlNetApplyAdvanced": 2,
    "LoadImage": 2,
    "LoraLoader": 2,
    "PreviewImage": 0,
    "SamplerCustomAdvanced": 2,
    "SaveAnimatedWEBP": 0,
    "SaveImage": 0,
    "TensorArt_LoadImage": 2,
}
OUTPUTS: dict[str, int] = {cls: _SEVERAL.get(cls, 1) for cls in REQUIRED}

_SAMPLER_NAMES = """
    euler euler_cfg_pp euler_ancestral euler_ancestral_cfg_pp heun heunpp2 dpm_2 dpm_2_ancestral lms dpm_fast
    dpm_adaptive dpmpp_2s_ancestral dpmpp_2s_ancestral_cfg_pp dpmpp_sde dpmpp_sde_gpu dpmpp_2m dpmpp_2m_cfg_pp
    dpmpp_2m_sde dpmpp_2m_sde_gpu dpmpp_2m_sde_heun dpmpp_2m_sde_heun_gpu dpmpp_3m_sde dpmpp_3m_sde_gpu ddpm lcm
    ipndm ipndm_v deis res_multistep res_multistep_cfg_pp res_multistep_ancestral res_multistep_ancestral_cfg_pp
    gradient_estimation gradient_estimation_cfg_pp er_sde seeds_2 seeds_3 sa_solver sa_solver_pece ddim uni_pc
    uni_pc_bh2
"""
_SCHEDULER_NAMES = "simple sgm_uniform karras exponential ddim_uniform beta normal linear_quadratic kl_optimal"

SAMPLERS = frozenset(_SAMPLER_NAMES.split())
SCHEDULERS = frozenset(_SCHEDULER_NAMES.split())
