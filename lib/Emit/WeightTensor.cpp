//===- WeightTensor.cpp - One parameter's part in a weight file -------------===//
#include "WeightTensor.h"
#include "PackCells.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixserve;

static constexpr int64_t kColumns = MXS_WEIGHT_COLUMNS;
static constexpr int64_t kPackedBytes = 1 << 20; ///< of packed data; a column block may be larger

WeightTensor::WeightTensor(const ParamEntry &entry, ParamSlice slice)
    : entry(&entry), slice(std::move(slice)) {}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

int64_t WeightTensor::dataBytes() const {
  if (isPacked())
    return matrices() * mxs_weight_data_bytes(type(), n(), k());
  return ShapedType::getNumElements(slice.size) * (type() == MXS_WEIGHT_BF16 ? 2 : 4);
}

int64_t WeightTensor::scaleBytes() const {
  return matrices() * mxs_weight_scale_bytes(type(), n(), k(), entry->packing.group);
}

SmallVector<int64_t> WeightTensor::dataShape() const {
  SmallVector<int64_t> shape(slice.size);
  if (!isPacked())
    return shape;
  shape[shape.size() - 2] = mxs_weight_blocks(n());
  const int64_t v = mxs_weight_interleave(type());
  shape.back() = llvm::divideCeil(k(), v);
  shape.push_back(kColumns);
  if (v > 1)
    shape.push_back(type() == MXS_WEIGHT_I4 ? 4 : v);
  return shape;
}

SmallVector<int64_t> WeightTensor::scaleShape() const {
  SmallVector<int64_t> shape(slice.size);
  shape[shape.size() - 2] = mxs_weight_blocks(n());
  shape.back() = mxs_weight_groups(type(), k(), entry->packing.group);
  shape.push_back(kColumns);
  return shape;
}

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

std::string mixserve::tensorPadding(int64_t bytes) {
  return std::string(llvm::offsetToAlignment(bytes, llvm::Align(MXS_WEIGHT_ALIGNMENT)), '\0');
}

std::string mixserve::weightFileHeader(ArrayRef<WeightTensor> tensors) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  int64_t at = 0, paddings = 0;
  auto addOne = [&](StringRef name, StringRef type, ArrayRef<int64_t> shape, int64_t bytes) {
    json.attributeObject(name, [&] {
      json.attribute("dtype", type);
      json.attributeArray("shape", [&] {
        for (int64_t size : shape)
          json.value(size);
      });
      json.attributeArray("data_offsets", [&] {
        json.value(at);
        json.value(at + bytes);
      });
    });
    at += bytes;
  };
  // The format allows no holes, so what aligns the next tensor is a tensor too.
  auto add = [&](StringRef name, StringRef type, ArrayRef<int64_t> shape, int64_t bytes) {
    addOne(name, type, shape, bytes);
    if (int64_t padding = tensorPadding(at).size())
      addOne("__padding__." + std::to_string(paddings++), "U8", {padding}, padding);
  };
  json.object([&] {
    for (const WeightTensor &tensor : tensors) {
      nn::ParamOp param = tensor.entry->param;
      add(param.getSymName(), mxs_weight_dtype(tensor.type()), tensor.dataShape(), tensor.dataBytes());
      if (const int64_t bytes = tensor.scaleBytes())
        add((param.getSymName() + ".scale").str(), "BF16", tensor.scaleShape(), bytes);
    }
  });
  text.append(llvm::offsetToAlignment(8 + text.size(), llvm::Align(MXS_WEIGHT_ALIGNMENT)), ' ');
  char length[8];
  llvm::support::endian::write64le(length, text.size());
  return std::string(length, sizeof length) + text;
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

void mixserve::addPieces(const WeightTensor &tensor, int64_t index,
                         std::vector<WeightPiece> &pieces) {
  auto cut = [&](int64_t matrix, int64_t total, int64_t bytesEach) {
    const int64_t step = std::max<int64_t>(1, kPackedBytes / std::max<int64_t>(1, bytesEach));
    for (int64_t first = 0; first < total; first += step)
      pieces.push_back({index, matrix, first, std::min(step, total - first)});
  };
  if (!tensor.isPacked()) {
    const int64_t rows = tensor.slice.size.empty() ? 1 : tensor.slice.size[0];
    return cut(0, rows, tensor.dataBytes() / std::max<int64_t>(1, rows));
  }
  for (int64_t matrix = 0; matrix < tensor.matrices(); ++matrix)
    cut(matrix, mxs_weight_blocks(tensor.n()), mxs_weight_block_bytes(tensor.type(), tensor.k()));
}

/// Part [first, first + count) of dimension `d` of a slice.
static ParamSlice subSlice(ParamSlice slice, size_t d, int64_t first, int64_t count) {
  slice.begin[d] += first;
  slice.size[d] = count;
  return slice;
}

static void packPlain(const WeightTensor &tensor, const WeightPiece &piece, const BoxReader &reader,
                      PackedPiece &out) {
  const ParamSlice rows = tensor.slice.size.empty()
                              ? tensor.slice
                              : subSlice(tensor.slice, 0, piece.first, piece.count);
  const int64_t elements = ShapedType::getNumElements(rows.size);
  const bool isBf16 = tensor.type() == MXS_WEIGHT_BF16;
  out.dataBytes = elements * (isBf16 ? 2 : 4);
  out.data.resize(llvm::divideCeil(out.dataBytes, 4));
  if (isBf16)
    reader.readBf16(tensor.entry->param, rows, reinterpret_cast<uint16_t *>(out.data.data()),
                    tensor.k());
  else
    reader.read(tensor.entry->param, rows, reinterpret_cast<float *>(out.data.data()), tensor.k());
}

namespace {

/// Packs column blocks one by one; the rows of a block lie in `rows` with a pitch that suits the
/// transpose.
class BlockPacker {
public:
  BlockPacker(const WeightTensor &tensor, const BoxReader &reader, PackedPiece &out)
      : tensor(tensor), reader(reader), out(out), type(tensor.type()),
        group(tensor.entry->packing.group),
        cells(mxs_weight_block_bytes(type, tensor.k()) / (kColumns * MXS_WEIGHT_CELL_BYTES)),
        pitch(llvm::alignTo(cells, 16) + 16) {}

  void run(const WeightPiece &piece) {
    const int64_t groups = mxs_weight_groups(type, tensor.k(), group);
    out.dataBytes = piece.count * cells * kColumns * MXS_WEIGHT_CELL_BYTES;
    out.data.resize(piece.count * cells * kColumns);
    out.scales.assign(piece.count * groups * kColumns, 0);
    const size_t rank = tensor.slice.size.size();
    const ParamSlice matrix = rank == 3 ? subSlice(tensor.slice, 0, piece.matrix, 1) : tensor.slice;
    for (int64_t i = 0; i < piece.count && out.isFinite; ++i) {
      const int64_t first = (piece.first + i) * kColumns,
                    count = std::min(kColumns, tensor.n() - first);
      const ParamSlice part = subSlice(matrix, rank - 2, first, count);
      rows.assign(kColumns * pitch, zeroCell(type));
      if (mxs_weight_has_scales(type))
        quantise(part, out.scales.data() + i * groups * kColumns);
      else if (type == MXS_WEIGHT_BF16)
        reader.readBf16(tensor.entry->param, part, reinterpret_cast<uint16_t *>(rows.data()),
                        2 * pitch);
      else
        reader.read(tensor.entry->param, part, reinterpret_cast<float *>(rows.data()), pitch);
      transposeCells(rows.data(), pitch, cells, out.data.data() + i * cells * kColumns);
    }
  }

private:
  /// Scales are those of the whole parameter, so that a part along K holds the same values as the
  /// whole.
  void quantise(ParamSlice part, uint16_t *scales) {
    const size_t last = part.size.size() - 1;
    nn::ParamOp param = tensor.entry->param;
    const int64_t whole = param.getTensorType().getDimSize(last);
    const int64_t begin = part.begin[last], size = part.size[last], count = part.size[last - 1];
    const int64_t from = begin / group * group;
    const int64_t to = std::min<int64_t>(whole, llvm::alignTo(begin + size, group));
    part.begin[last] = from;
    part.size[last] = to - from;
    values.resize(count * (to - from));
    reader.read(param, part, values.data(), to - from);
    for (int64_t row = 0; row < count; ++row)
      out.isFinite &=
          quantiseRow(type, values.data() + row * (to - from), {to - from, begin - from, size},
                      group, rows.data() + row * pitch, scales + row);
  }

  const WeightTensor &tensor;
  const BoxReader &reader;
  PackedPiece &out;
  const mxs_weight_type_t type;
  const int64_t group, cells, pitch; ///< pitch of `rows` [cell]
  std::vector<uint32_t> rows;
  std::vector<float> values;
};

} // namespace

void mixserve::packPiece(const WeightTensor &tensor, const WeightPiece &piece,
                         const BoxReader &reader, PackedPiece &out) {
  out.isFinite = true;
  out.scales.clear();
  if (tensor.isPacked())
    BlockPacker(tensor, reader, out).run(piece);
  else
    packPlain(tensor, piece, reader, out);
}
