/* run_jpegmake OUT.jpg HEIGHT WIDTH CHANNELS RAW: a JPEG for the run tests, of RAW's bytes, (H, W,
 * C); one channel is grey, three are RGB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

enum { FAILED = 6, ROW_MAX = 1 << 16 };

static int convert(FILE *in, FILE *out, int h, int w, int c) {
  static unsigned char pixels[ROW_MAX];
  struct jpeg_compress_struct library;
  struct jpeg_error_mgr errors;
  size_t row_bytes = (size_t)w * (size_t)c;
  library.err = jpeg_std_error(&errors);
  jpeg_create_compress(&library);
  jpeg_stdio_dest(&library, out);
  library.image_width = (JDIMENSION)w;
  library.image_height = (JDIMENSION)h;
  library.input_components = c;
  library.in_color_space = c == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&library);
  jpeg_set_quality(&library, 100, TRUE);
  jpeg_start_compress(&library, TRUE);
  int rows = 0;
  for (; rows < h && row_bytes <= ROW_MAX && fread(pixels, row_bytes, 1, in) == 1; rows++) {
    JSAMPROW row = pixels;
    jpeg_write_scanlines(&library, &row, 1);
  }
  if (rows == h) jpeg_finish_compress(&library);
  jpeg_destroy_compress(&library);
  return rows == h ? 0 : FAILED;
}

int main(int argc, char **argv) {
  if (argc != 6) return FAILED;
  FILE *in = fopen(argv[5], "rb"), *out = fopen(argv[1], "wb");
  int status = FAILED;
  if (in && out) status = convert(in, out, atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
  if (in) fclose(in);
  if (out && fclose(out)) status = FAILED;
  return status;
}
