// alignops::multi_positive_contrastive_loss on the CPU.
#include "core/contrastive.h"

#include <torch/csrc/stable/library.h>

#include <string>
#include <tuple>

#include "cpu/gradients.h"
#include "cpu/runtime.h"

namespace alignops {
namespace {

/// The checked arguments of forward and backward besides the embeddings.
class TextArguments {
 public:
  TextArguments(const Tensor& image, const Tensor& text, const Tensor& image_index,
                const std::optional<Tensor>& text_is_positive, const std::string& reduction)
      : images_(image.size(0)),
        count_(text.size(0)),
        mean_(reduction == "mean"),
        image_index_(checked(image_index, {count_}, ScalarType::Long)) {
    if (text_is_positive) positive_ = checked(*text_is_positive, {count_}, ScalarType::Bool);
    check(mean_ || reduction == "sum", "reduction is ", reduction, "; expected mean or sum");
    const int64_t* given = texts().image_index;
    for (int64_t k = 0; k < count_; ++k) {
      check(0 <= given[k] && given[k] < images_, "image_index[", k, "] is ", given[k],
            "; expected the index of one of ", images_, " images");
    }
  }

  Texts texts() const {
    return {data<int64_t>(image_index_), positive_ ? data<bool>(*positive_) : nullptr, count_};
  }

  template <class T>
  ContrastiveWeights<T> weights() const {
    return {texts(), images_, mean_};
  }

 private:
  const int64_t images_, count_;
  const bool mean_;
  const Tensor image_index_;
  std::optional<Tensor> positive_;
};

std::tuple<Tensor, Tensor, Tensor> multi_positive_contrastive_loss(
    const Tensor& image, const Tensor& text, const Tensor& image_index,
    const std::optional<Tensor>& text_is_positive, const Tensor& logit_scale,
    const std::string& reduction) {
  const Pair pair(image, text, std::nullopt, std::nullopt, 2);
  const TextArguments arguments(image, text, image_index, text_is_positive, reduction);
  const ScalarType type = accumulation_type(image);
  Tensor loss = zeros({}, type);
  Tensor row = zeros({image.size(0)}, type), col = zeros({text.size(0)}, type);
  dispatch(image, [&](auto in) {
    using In = decltype(in);
    using T = Accumulator<In>;
    const auto images = pair.x_components<In>(), text_embeddings = pair.y_components<In>();
    const Texts texts = arguments.texts();
    const T scale = scalar<T>(logit_scale);
    const LogsumexpPartials<In> partials(images, text_embeddings, scale);
    const Buffer<T> own(texts.count);
    for_each_tile<TorchRuntime>(images, text_embeddings, [&](int64_t max_columns) {
      return ContrastiveForward<T>(partials.epilogue(max_columns), texts.image_index, scale,
                                   own.get());
    });
    partials.combine_into(data<T>(row), data<T>(col));
    *data<T>(loss) =
        contrastive_loss(texts, arguments.weights<T>(), data<T>(row), data<T>(col), own.get());
  });
  return {loss, row, col};
}

std::tuple<Tensor, Tensor, Tensor> multi_positive_contrastive_loss_backward(
    const Tensor& grad, const Tensor& image, const Tensor& text, const Tensor& image_index,
    const std::optional<Tensor>& text_is_positive, const Tensor& logit_scale,
    const std::string& reduction, const Tensor& row, const Tensor& col) {
  const Pair pair(image, text, std::nullopt, std::nullopt, 2);
  const TextArguments arguments(image, text, image_index, text_is_positive, reduction);
  const ScalarType type = accumulation_type(image);
  const Tensor of_images = checked(row, {image.size(0)}, type);
  const Tensor of_texts = checked(col, {text.size(0)}, type);
  return dispatch(image, [&](auto in) -> std::tuple<Tensor, Tensor, Tensor> {
    using In = decltype(in);
    using T = Accumulator<In>;
    const auto images = pair.x_components<In>(), text_embeddings = pair.y_components<In>();
    const Texts texts = arguments.texts();
    const auto weights = arguments.weights<T>();
    GradientRows<In> grad_image(images, pair.x), grad_text(text_embeddings, pair.y);
    const T scale = scalar<T>(logit_scale), of_loss = scalar<T>(grad);
    ScaleGradient of_scale(images, text_embeddings);
    accumulate_gradients<TorchRuntime>(
        images, text_embeddings,
        [&](int64_t max_columns) {
          return ContrastiveBackward<T>(texts.image_index, weights, data<T>(of_images),
                                        data<T>(of_texts), scale, of_scale, max_columns);
        },
        grad_image.rows(), grad_text.rows());
    Tensor grad_scale = empty({}, type);
    *data<T>(grad_scale) = of_loss * static_cast<T>(of_scale.sum());
    return {grad_image.finish(of_loss * scale), grad_text.finish(of_loss * scale), grad_scale};
  });
}

}  // namespace
}  // namespace alignops

STABLE_TORCH_LIBRARY_IMPL(alignops, CPU, m) {
  m.impl("multi_positive_contrastive_loss", TORCH_BOX(&alignops::multi_positive_contrastive_loss));
  m.impl("multi_positive_contrastive_loss_backward",
         TORCH_BOX(&alignops::multi_positive_contrastive_loss_backward));
}
