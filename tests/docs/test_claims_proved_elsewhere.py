"""What the pages say of other libraries where a test of an adapter already runs them: which test proves which sentence.

A sentence that is gone, or a test that is, fails here; the other claims have their tests in this folder.
"""

import re

import pytest
from page_claims import ROOT, assert_said

TORCH, KERAS, JAX, CAFFE = (
    "docs/torch-init.md",
    "docs/keras-initializers.md",
    "docs/jax-initializers.md",
    "docs/caffe.md",
)
EVERYWHERE, MODELS = "docs/everywhere.md", "docs/jax-models.md"

CLAIMS = [
    # README
    ("README.md", "every function of torch.nn.init: same names, signatures and laws", "torch/test_init_signatures.py", "arguments_are_those_of_torch"),
    ("README.md", "such as the q, k and v of `transformers`", "torch/test_fused.py", "the_transposed_projection_of_a_real_gpt2"),
    ("README.md", "q, k and v are one matrix in PyTorch and three elsewhere", "test_same_weights.py", "a_fused_projection_starts_as_the_three_that_it_holds"),
    ("README.md", "on every device and in every shard", "jax/test_jax_sharding.py", "each_device_makes_its_own_part"),
    ("README.md", "each process writes its shards; nothing is sent", "spread/test_spread_ranks.py", "processes_hold_what_one_would"),
    # PyTorch
    (TORCH, "every function of `torch.nn.init` is there under the same name", "torch/test_init_signatures.py", "every_public_name_is_there_and_no_other"),
    (TORCH, "Names, arguments, their order and defaults", "torch/test_init_signatures.py", "arguments_are_those_of_torch"),
    (TORCH, "holds a million draws of each against PyTorch's own", "torch/test_init_laws.py", "the_law_is_that_of_torch"),
    (TORCH, "with their `FutureWarning`", "torch/test_init_signatures.py", "an_old_name_warns_in_the_words_of_torch_and_does_the_same"),
    (TORCH, "`_calculate_fan_in_and_fan_out` and `_calculate_correct_fan`", "torch/test_init_signatures.py", "the_two_private_functions_that_models_call_are_there_too"),
    (TORCH, "This reaches every layer of PyTorch that looks the function up when it is called, as `nn.Linear` does", "torch/test_init_models.py", "the_functions_of_torch_can_be_replaced_for_a_whole_program"),
    (TORCH, "`orthogonal_` therefore works in float16 and bfloat16 on the CPU too", "torch/test_init_laws.py", "what_has_no_chance_in_it_equals_torch"),
    (TORCH, "PyTorch takes them from the default generator", "torch/test_init_laws.py", "sparse_honours_its_generator_where_torch_does_not"),
    (TORCH, "⌈sparsity·rows⌉ zeros in each column", "torch/test_init_laws.py", "sparse_has_as_many_zeros_in_each_column_as_torch"),
    (TORCH, "Constants on integer, boolean and complex tensors work.", "torch/test_init_laws.py", "constants_take_every_dtype_that_torch_takes"),
    (TORCH, "PyTorch's warning about a mean far outside [a, b] is kept", "torch/test_init_laws.py", "the_sentence_of_torch_begins_the_warning"),
    ("docs/fans.md", "which promises what PyTorch does, takes PyTorch's own counts", "torch/test_pytorch_defaults.py", "recipe_pytorch_has_the_laws_of_its_modules"),
    # Keras and TensorFlow
    (KERAS, "Every initializer of `keras.initializers` that has a law", "keras/test_keras_initializers_laws.py", "every_initializer_of_keras_with_a_law_is_there"),
    (KERAS, "Names, arguments, their order and defaults, and a further `name=None`", "keras/test_keras_initializers_laws.py", "the_signature_is_that_of_keras_and_a_name"),
    (KERAS, "holds a million draws of each against Keras's own", "keras/test_keras_initializers_laws.py", "the_law_is_that_of_keras"),
    (KERAS, "`keras.utils.set_random_seed` decides what no seed decides", "keras/test_keras_initializers_seeds.py", "without_a_seed_keras_decides"),
    (KERAS, "Keras finds the classes by their registered names", "keras/test_keras_initializers_models.py", "keras_finds_the_initializers_by_their_registered_names"),
    (KERAS, "(in a `keras.StatelessScope`)", "keras/test_keras_initializers_seeds.py", "a_call_for_a_placeholder_does_not_count"),
    (KERAS, "with Keras's initializers and with ours", "keras/test_keras_initializers_seeds.py", "keras_clones_initializers_so_seeded_projections_begin_alike"),
    (KERAS, "Under a `keras.distribution` each device draws what it holds", "keras/test_keras_initializers_models.py", "jax_draws_on_each_device_what_it_holds"),
    (KERAS, "the same bits on TensorFlow, JAX and PyTorch", "keras/test_backends_keras.py", "every_initializer_gives_the_same_bits"),
    (KERAS, "`tf.random.set_seed` decides, in a graph `tf.set_random_seed`", "keras/test_tensorflow1.py", "the_seed_of_the_graph_decides"),
    (KERAS, "can be restored by a `Saver` anywhere", "keras/test_tensorflow1.py", "a_program_of_2017_runs_and_another_process_restores_its_graph"),
    ("docs/keras.md", "the bits are the same on the three backends", "keras/test_backends_keras.py", "every_layer_has_the_same_parts_and_bits"),
    ("docs/keras.md", "So the query of an attention of `H` heads of size `d` is one matrix of `H·d` outputs, with rows as in PyTorch", "keras/test_apply_keras.py", "heads_lie_as_the_rows_of_a_pytorch_projection"),
    # JAX, Flax and Equinox
    (JAX, "every function of `jax.nn.initializers` is there under the same name", "jax/test_initializers_signatures.py", "every_public_name_is_there_and_no_other"),
    (JAX, "what is built is called as `init(key, shape, dtype, out_sharding)`", "jax/test_initializers_signatures.py", "what_is_built_is_called_as_in_jax"),
    (JAX, "`Initializer` is JAX's own protocol", "jax/test_initializers_signatures.py", "what_is_built_is_an_initializer_of_jax"),
    (JAX, "holds a million draws of each against JAX's own", "jax/test_initializers_laws.py", "the_law_is_that_of_jax"),
    (JAX, "there is no orthogonal matrix in bfloat16", "jax/test_initializers_laws.py", "delta_orthogonal_holds_the_matrix_of_orthogonal_rounded_once"),
    (JAX, "so a Linen module with one equals no other, and `jax.jit` compiles again for each", "jax/test_initializers_models.py", "linen_modules_that_are_built_alike_are_compiled_once"),
    (JAX, "from JAX's then come, now and then, numbers of -3.4·10³⁸", "jax/test_initializers_laws.py", "a_normal_law_without_a_cut_is_normal"),
    (JAX, "an axis that is neither input, output nor batch counts as kernel, in both fans", "jax/test_initializers_laws.py", "fans_are_those_of_jax"),
    (JAX, "through `nn.with_partitioning` and its like", "jax/test_initializers_models.py", "linen_with_partitioning_is_born_sharded"),
    ("docs/jax.md", "it sees the comparison fail once that guard is taken away", "jax/test_jax_bits.py", "without_the_guard_the_compiler_contracts"),
    ("docs/jax.md", "so does a key of `jax.random`, typed or raw", "jax/test_jax_bits.py", "keys_of_jax"),
    (MODELS, "(without `transpose_kernel`) and of Equinox do not flip their kernels, PyTorch's does", "jax/test_models_like_pytorch.py", "convolutions_are_those_of_pytorch"),
    (MODELS, "out (outputs, heads·size): what PyTorch has", "jax/test_models_like_pytorch.py", "attention_is_that_of_pytorch"),
    (MODELS, "`jax.nn.gelu` is `gelu_tanh`", "jax/test_models_tracing.py", "activations_are_recognised_in_a_pass_and_by_themselves"),
    # one network in several frameworks
    (EVERYWHERE, "The test suite compares PyTorch, Keras on its three backends, Flax and Equinox.", "test_same_weights.py", "a_saved_plan_starts_every_framework_from_the_same_bits"),
    (EVERYWHERE, "i f g o (its c is g), side by side", "test_same_weights.py", "the_gates_of_an_lstm_agree_although_each_framework_orders_them_its_own_way"),
    (EVERYWHERE, "z r n (its h is n)", "keras/test_apply_keras.py", "pytorch_computes_the_same_from_shared_names"),
    (EVERYWHERE, "| GRU gates | r z n |", "jax/test_models_like_pytorch.py", "a_gru_of_nnx_is_that_of_pytorch"),
    (EVERYWHERE, "Flax does not turn the kernel of a transposed convolution round, PyTorch and Keras do", "jax/test_models_like_pytorch.py", "convolutions_are_those_of_pytorch"),
    ("docs/stream.md", "Triton: `enable_fp_fusion=False`", "gpu/test_gpu_ptx.py", "a_contraction_would_be_seen"),
    # Caffe cannot be installed: figures that were measured on Caffe 1.0, its formulas and its loops stand in for it
    (CAFFE, "fan_in = count/shape[0], fan_out = count/shape[1]", "caffe/test_fillers.py", "fans_are_true_in_the_inventory_and_caffes_in_the_filler"),
    (EVERYWHERE, "[Caffe](caffe.md) stores what PyTorch stores", "caffe/test_caffe_modules_opencv.py", "a_layer_computes_what_opencv_computes"),
    (CAFFE, "takes each filler at its word", "caffe/test_fillers.py", "moments_are_those_of_caffe"),
    (CAFFE, "each weight is kept with probability s/shape[0]", "caffe/test_fillers.py", "sparse_gaussian_leaves_as_many_zeros_as_in_caffe"),
    (CAFFE, "the shape of every blob is worked out with Caffe's own rounding", "caffe/test_net_shapes.py", "pooling_is_that_of_opencv"),
    (CAFFE, "OpenCV's `dnn.readNetFromCaffe` reads such a `.caffemodel`", "caffe/test_caffemodel.py", "opencv_computes_with_the_weights_that_were_written"),
    (CAFFE, "Answers of `to_torch` agree with OpenCV's to 10⁻⁴", "caffe/test_caffe_modules_opencv.py", "a_layer_computes_what_opencv_computes"),
    (CAFFE, "where every reader of protobuf stops", "caffe/test_caffemodel.py", "a_file_that_protobuf_readers_refuse_is_not_begun"),
    ("examples/caffe/README.md", "cut the layers `label`, `loss` and `accuracy`", "caffe/test_example_nets.py", "opencv_computes_what_we_compute"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "sentence", "file", "test"), CLAIMS)
def test_a_claim_and_its_proof_are_there(page: str, sentence: str, file: str, test: str) -> None:
    assert_said(page, sentence)
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    assert re.search(rf"^def test_{test}\(", text, re.MULTILINE), f"tests/{file} has no test_{test}"
