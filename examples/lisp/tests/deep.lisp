; Lists long and nested, far beyond what a stack would hold.
(define n (* scale 100000))
(define (check name good) (print name " " (if good "good" "WRONG")))
(define long (iota n))
(gc)
(check "length" (= (length long) n))
(check "sum" (= (fold + 0 long) (quotient (* n (- n 1)) 2)))
(check "equal" (equal? long (append (list-tail long 0) '())))
(check "reverse" (= (car (reverse long)) (- n 1)))
(check "printed and read" (equal? long (read (open-input-string
  (with-output-to-string (lambda (p) (write long p)))))))

; The same depth in the car: ((((...)))).
(define (nest n) (let loop ((i 0) (x '())) (if (= i n) x (loop (+ i 1) (list x)))))
(define nested (nest n))
(gc)
(check "depth" (let loop ((x nested) (d 0)) (if (null? x) (= d n) (loop (car x) (+ d 1)))))
(check "equal in depth" (equal? nested (nest n)))
(check "unequal in depth" (not (equal? nested (nest (- n 1)))))
(check "printed" (= (string-length (with-output-to-string (lambda (p) (write nested p)))) (* 2 (+ n 1))))
(define vectors (let loop ((i 0) (x 'end)) (if (= i n) x (loop (+ i 1) (vector i x)))))
(gc)
(check "vectors in vectors" (let loop ((x vectors) (d 0))
  (if (eq? x 'end) (= d n) (loop (vector-ref x 1) (+ d 1)))))
(check "too deep to read" (eq? 'error (try
  (lambda () (read (open-input-string (make-string 10000000 #\())))
  (lambda (e) 'error))))

; A ring, which counting would never free.
(define (ring n) (let ((first (list 0)))
  (let loop ((i 1) (last first))
    (if (= i n) (begin (set-cdr! last first) first)
        (begin (set-cdr! last (list i)) (loop (+ i 1) (cdr last)))))))
(define r (ring n))
(do ((i 0 (+ i 1))) ((= i 20)) (ring 10000))
(gc)
(check "ring" (let loop ((x (cdr r)) (k 1)) (if (eq? x r) (= k n) (loop (cdr x) (+ k 1)))))
(check "heap" (= 0 (gc-verify)))
