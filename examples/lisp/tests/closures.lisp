; Closures keep their environments, and only those.
(define (counter)
  (let ((n 0)) (lambda () (set! n (+ n 1)) n)))
(define a (counter))
(define b (counter))
(a) (a) (b)
(print (a) " " (b))

; Ten thousand closures over frames of their own, called later.
(define adders (map (lambda (i) (lambda (x) (+ x i))) (iota 10000)))
(gc)
(print (fold (lambda (f sum) (+ sum (f 1))) 0 adders))

; An object by closures: messages to a bank account.
(define (account balance)
  (lambda (message . args)
    (case message
      ((deposit) (set! balance (+ balance (car args))))
      ((withdraw) (if (> (car args) balance) (error "too little:" balance))
                  (set! balance (- balance (car args)))))
    balance))
(define acc (account 100))
(acc 'deposit 50)
(print (try (lambda () (acc 'withdraw 500)) error-message) " " (acc 'withdraw 30))

; Composition of many; each keeps the one before.
(define (compose f g) (lambda (x) (f (g x))))
(define (power f n) (if (= n 0) (lambda (x) x) (compose f (power f (- n 1)))))
(print ((power (lambda (x) (+ x 3)) 1000) 7))

; Streams: an infinite list, of which only the end is kept.
(define (integers n) (cons n (lambda () (integers (+ n 1)))))
(define (stream-ref s n) (if (= n 0) (car s) (stream-ref ((cdr s)) (- n 1))))
(print (= (stream-ref (integers 0) (* scale 20000)) (* scale 20000)))
(define s (integers 0))
(print (= (stream-ref s 1000) 1000))

; Environments are shared, not copied.
(define pair (let ((x 0)) (cons (lambda () x) (lambda (v) (set! x v)))))
((cdr pair) 'changed)
(gc)
(print ((car pair)))
(define (y f) ((lambda (x) (f (lambda (v) ((x x) v)))) (lambda (x) (f (lambda (v) ((x x) v))))))
(print ((y (lambda (fact) (lambda (n) (if (= n 0) 1 (* n (fact (- n 1))))))) 15))
