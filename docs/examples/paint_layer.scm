; Opens a photo, paints it, and saves photo and painting as the layers of an XCF file.
;
; gimp-console -i --quit --batch-interpreter=plug-in-script-fu-eval \
;     -b '(load "paint_layer.scm")'

(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "photo.jpg")))
       (layers (car (gimp-image-get-layers image))))
  (plug-in-impasto-neural-style #:run-mode RUN-NONINTERACTIVE
    #:image image #:drawables layers
    #:style "painting.jpg" #:style-strength 2.0 #:quality "draft")
  (gimp-file-save RUN-NONINTERACTIVE image "painted.xcf"))
